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
    iceUrls: [],
    transports: ['polling', 'websocket'],
    modelsDir: null,
    logFile: null,
    json: false,
  });
});

test('every option is heard', () => {
  const line =
    '--host 10.0.0.1 --port 0 --no-https --ice stun:a:1 --ice turn:b:2 --transports polling --models m --log f --json --cert c --key k';
  expect(parseServerOptions(line.split(' '))).toMatchObject({
    host: '10.0.0.1',
    port: 0,
    httpsPort: null,
    iceUrls: ['stun:a:1', 'turn:b:2'],
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
