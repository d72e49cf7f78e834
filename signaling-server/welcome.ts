import { renderUnicodeCompact } from 'uqr';
import type { App } from './app.ts';

/** What is printed for the person who starts the server: where to chat, where to donate, and a code for phones. */
export function welcomeText(app: Pick<App, 'httpPort' | 'httpsPort'>, httpHost: string, addresses: readonly string[]): string {
  const here = `http://${httpHost}:${app.httpPort}`;
  const lines = [
    'EdgeShard is running.',
    '',
    `  Chat on this computer:    ${here}/chat`,
    `  Donate on this computer:  ${here}/donate`,
  ];
  if (app.httpsPort === null)
    return [...lines, '', 'Other devices need HTTPS for WebGPU: start without --no-https.', ''].join('\n');
  for (const address of addresses) lines.push(`  Other devices:            https://${address}:${app.httpsPort}/`);
  const [first] = addresses;
  if (first === undefined) return [...lines, '', 'This computer is on no network: no other device can join.', ''].join('\n');
  const url = `https://${first}:${app.httpsPort}/donate`;
  return [
    ...lines,
    '',
    'Phones in the same Wi-Fi: scan this and accept the certificate that this computer made itself.',
    '',
    renderUnicodeCompact(url, { border: 2 }),
    url,
    '',
  ].join('\n');
}
