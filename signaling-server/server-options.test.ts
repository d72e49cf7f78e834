import { expect, test } from 'vitest';
import { parseServerOptions } from './server-options.ts';
import { welcomeText } from './welcome.ts';

test('without options the server is on 8080 and, with TLS, on 8443', () => {
  expect(parseServerOptions([])).toEqual({
    host: null,
    port: 8080,
    httpsPort: 8443,
    stunPort: 3478,
    cert: null,
    key: null,
    ice: { urls: [], turn: null },
    trustProxy: false,
    transports: ['polling', 'websocket'],
    modelsDir: null,
    logFile: null,
    json: false,
  });
});

test('every option is heard', () => {
  const line =
    '--host 10.0.0.1 --port 0 --no-https --ice stun:a:1 --ice turn:b:2 --ice-secret s --trust-proxy --transports polling --models m --log f --json --cert c --key k';
  expect(parseServerOptions(line.split(' '))).toMatchObject({
    host: '10.0.0.1',
    port: 0,
    httpsPort: null,
    ice: { urls: ['stun:a:1', 'turn:b:2'], turn: { secret: 's' } },
    trustProxy: true,
    transports: ['polling'],
    modelsDir: 'm',
    logFile: 'f',
    json: true,
    cert: 'c',
    key: 'k',
  });
});

test.each([
  ['--port', '70000'],
  ['--port', '80x'],
  ['--https-port', ''],
  ['--ice', 'http://a'],
  ['--ice', 'stun:'],
  ['--ice', 'stun:a:99999'],
  ['--ice', 'stun:a:0'],
  ['--ice', 'stun:a?transport=udp'],
  ['--ice', 'stun:a b'],
  ['--ice', 'stun://a'],
  ['--ice', 'turn:a'],
  ['--ice', 'turn:a', '--ice-user', 'u'],
  ['--ice', 'turn:a', '--ice-user', 'u', '--ice-credential', ''],
  ['--ice', 'turn:a', '--ice-user', 'u', '--ice-credential', 'c', '--ice-secret', 's'],
  ['--ice', 'turn:a', '--ice-user', 'ü'.repeat(255), '--ice-credential', 'c'],
  ['--ice', 'turn:a?transport=pigeon', '--ice-secret', 's'],
  ['--ice', 'stun:a', '--ice-secret', 's'],
  ['--transports', 'pigeon'],
  ['--cert', 'c'],
  ['--frobnicate'],
])('%s %s is refused with what it takes', (...args) => {
  expect(() => parseServerOptions(args)).toThrow(expect.objectContaining({ code: 'bad-message' }));
});

test('the welcome says where to go from this computer and from a phone', () => {
  const text = welcomeText({ httpPort: 8080, httpsPort: 8443 }, 'localhost', ['192.168.1.5']);
  expect(text).toContain('http://localhost:8080/chat');
  expect(text).toContain('https://192.168.1.5:8443/donate');
  expect(text).toMatch(/[█▀▄]{5}/);
  expect(welcomeText({ httpPort: 8080, httpsPort: null }, 'localhost', ['192.168.1.5'])).not.toContain('https:');
});

test.each(['stun:a', 'stun:a_1.example:3478', 'stuns:a:5349', 'stun:[fd00::5]:3478'])('%s is an address service', (url) => {
  expect(parseServerOptions(['--ice', url]).ice).toEqual({ urls: [url], turn: null });
});

test.each(['turn:a', 'turn:192.0.2.1:3478?transport=udp', 'turns:a:5349?transport=tcp', 'turn:[fd00::5]'])(
  '%s is a relay, with a user of its own',
  (url) => {
    const args = ['--ice', url, '--ice-user', 'u', '--ice-credential', 'c'];
    expect(parseServerOptions(args).ice).toEqual({ urls: [url], turn: { username: 'u', credential: 'c' } });
  },
);
