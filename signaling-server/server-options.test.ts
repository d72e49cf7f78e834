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
    ice: { urls: [], access: null },
    transports: ['polling', 'websocket'],
    trustProxy: false,
    limitsLoopback: false,
    modelsDir: null,
    logFile: null,
    json: false,
  });
});

test('every option is heard', () => {
  const line =
    '--host 10.0.0.1 --port 0 --no-https --ice stun:a:1 --ice turn:b:2 --ice-user u --ice-credential w --transports polling --trust-proxy --limit-loopback --models m --log f --json --cert c --key k';
  expect(parseServerOptions(line.split(' '))).toMatchObject({
    host: '10.0.0.1',
    port: 0,
    httpsPort: null,
    ice: { urls: ['stun:a:1', 'turn:b:2'], access: { kind: 'fixed', username: 'u', credential: 'w' } },
    transports: ['polling'],
    trustProxy: true,
    limitsLoopback: true,
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
  ['--ice', 'stun:a?transport=udp'],
  ['--transports', 'pigeon'],
  ['--cert', 'c'],
  ['--frobnicate'],
])('%s %s is refused with what it takes', (...args) => {
  expect(() => parseServerOptions(args)).toThrow(expect.objectContaining({ code: 'bad-message' }));
});

test('a TURN server may share a secret with this one instead of a name and a word', () => {
  const { ice } = parseServerOptions(['--ice', 'turn:a', '--ice-secret', 's']);
  expect(ice).toEqual({ urls: ['turn:a'], access: { kind: 'secret', secret: 's' } });
});

test.each([
  [/turn:a needs --ice-user and --ice-credential, or --ice-secret/, ['--ice', 'turn:a']],
  [/needs --ice-user/, ['--ice', 'stun:b', '--ice', 'turns:a']],
  [/go together/, ['--ice', 'turn:a', '--ice-user', 'u']],
  [/go together/, ['--ice', 'turn:a', '--ice-credential', 'w', '--ice-secret', 's']],
  [/takes the place/, ['--ice', 'turn:a', '--ice-user', 'u', '--ice-credential', 'w', '--ice-secret', 's']],
  [/1 to 509 bytes, not 0/, ['--ice', 'turn:a', '--ice-secret', '']],
  [/1 to 509 bytes, not 600/, ['--ice', 'turn:a', '--ice-user', 'u'.repeat(600), '--ice-credential', 'w']],
  [/go with --ice turn:/, ['--ice', 'stun:a', '--ice-secret', 's']],
  [/go with --ice turn:/, ['--ice-user', 'u', '--ice-credential', 'w']],
])('TURN without what it needs is refused at the start: %s', (message, args) => {
  expect(() => parseServerOptions(args)).toThrow(message);
});

test('the welcome says where to go from this computer and from a phone', () => {
  const text = welcomeText({ httpPort: 8080, httpsPort: 8443 }, 'localhost', ['192.168.1.5']);
  expect(text).toContain('http://localhost:8080/chat');
  expect(text).toContain('https://192.168.1.5:8443/donate');
  expect(text).toMatch(/[█▀▄]{5}/);
  expect(welcomeText({ httpPort: 8080, httpsPort: null }, 'localhost', ['192.168.1.5'])).not.toContain('https:');
});
