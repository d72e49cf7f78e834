import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cacheFolder, selfMadeCertificate } from './certificate.ts';
import { startTestApp } from './testing/app.ts';

const now = new Date('2026-01-01T00:00:00Z');
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeshard-cert-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('it names this machine’s addresses, is readable by its owner only, and is kept', async () => {
  const made = await selfMadeCertificate(folder, ['192.168.1.5'], now);
  const read = new X509Certificate(made.cert);
  expect(read.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:192.168.1.5');
  expect((await stat(join(folder, 'key.pem'))).mode & 0o077).toBe(0);
  expect(await selfMadeCertificate(folder, ['192.168.1.5'], inDays(300))).toEqual(made);
});

test('another address, its end, or a damaged file makes a new one', async () => {
  const made = await selfMadeCertificate(folder, ['192.168.1.5'], now);
  const moved = await selfMadeCertificate(folder, ['10.0.0.7'], now);
  expect(moved.cert).not.toBe(made.cert);
  const renewed = await selfMadeCertificate(folder, ['10.0.0.7'], inDays(380));
  expect(renewed.cert).not.toBe(moved.cert);
  await writeFile(join(folder, 'cert.pem'), 'damaged');
  expect((await selfMadeCertificate(folder, [], now)).cert).toMatch(/^-----BEGIN CERTIFICATE/);
});

test('a folder that cannot be written does not stop the server', async () => {
  await writeFile(join(folder, 'file'), '');
  expect((await selfMadeCertificate(join(folder, 'file', 'below'), [], now)).key).toMatch(/PRIVATE KEY/);
});

test('it lies in the user’s cache', () => {
  expect(cacheFolder({ XDG_CACHE_HOME: '/c' })).toBe('/c/edgeshard');
  expect(cacheFolder({})).toMatch(/\.cache\/edgeshard$/);
});

test('pages and signaling are served under it', async () => {
  const certificate = await selfMadeCertificate(folder, [], new Date());
  const app = await startTestApp({ https: { host: '127.0.0.1', port: 0, ...certificate } });
  const get = (path: string) =>
    new Promise<string>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: app.httpsPort, path, ca: certificate.cert };
      request(options, async (response) => resolve((await response.setEncoding('utf8').toArray()).join('')))
        .on('error', reject)
        .end();
    });
  expect(await get('/donate/ABCDE')).toBe('<p>donate</p>');
  expect(await get('/socket.io/?EIO=4&transport=polling')).toContain('"sid"');
  await app.close();
});
