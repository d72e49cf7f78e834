import { expect, type Page } from '@playwright/test';
import { test } from './room-test.ts';
import { createRoom, openChat, openDonor, openTab, readView, waitForStages } from './tabs.ts';

const cpu = { engine: 'cpu' };

async function phaseOf(page: Page): Promise<string> {
  return (await readView(page)).phase;
}

test('with the code alone a person waits until the host lets them in, and has the link then', async ({ lab, server }) => {
  const host = await createRoom(lab, server.url, cpu);
  const guest = await openTab(lab, `${server.url}/chat/${host.code}?engine=cpu&name=Ann`);
  await expect(guest.getByText('Waiting for somebody in the room to let you in')).toBeVisible();
  await expect(host.page.getByText('Ann wants to join (to chat)')).toBeVisible();
  await host.page.getByTestId('let-in').click();
  await expect.poll(() => phaseOf(guest)).toBe('joined');
  await expect(guest).toHaveURL(new RegExp(`#k=${host.key}$`));
  await expect(host.page.getByTestId('knock')).toHaveCount(0);
  await guest.reload();
  await expect.poll(() => phaseOf(guest)).toBe('joined');
});

test('whom the host does not let in is told so calmly, and who gives up is asked about no more', async ({ lab, server }) => {
  const host = await createRoom(lab, server.url, cpu);
  const donor = await openTab(lab, `${server.url}/donate/${host.code}?engine=cpu&name=Tablet`);
  await expect(host.page.getByText('Tablet wants to join (as a donor)')).toBeVisible();
  await host.page.getByTestId('not-now').click();
  await expect(donor.getByTestId('error')).toHaveAttribute('data-code', 'not-allowed');
  await expect(donor.getByTestId('error')).toHaveAttribute('role', 'status');
  await donor.getByTestId('join-again').click();
  await expect(host.page.getByTestId('knock')).toHaveCount(1);
  await donor.getByTestId('give-up').click();
  await expect(host.page.getByTestId('knock')).toHaveCount(0);
  expect(await phaseOf(donor)).toBe('ended');
});

test('a room with a passphrase asks for it, whoever has the link', async ({ lab, server }) => {
  const host = await createRoom(lab, server.url, cpu, { passphrase: 'open sesame' });
  const guest = await openChat(lab, server.url, host, cpu);
  await guest.getByTestId('passphrase').fill('open barley');
  await guest.getByTestId('passphrase-join').click();
  await expect(guest.getByText('That is not it. Try again.')).toBeVisible();
  await guest.getByTestId('passphrase').fill('open sesame');
  await guest.getByTestId('passphrase-join').click();
  await expect.poll(() => phaseOf(guest)).toBe('joined');
});

test("the donate link in the host's own browser takes no rights away", async ({ lab, server }) => {
  const host = await createRoom(lab, server.url, cpu);
  const donor = await host.page.context().newPage();
  await donor.goto(`${server.url}/donate/${host.code}?engine=cpu#k=${host.key}`);
  await expect.poll(() => phaseOf(donor)).toBe('joined');
  await expect.poll(async () => (await readView(host.page)).room!.hosts).toHaveLength(2);
  await host.page.getByTestId('settings').locator('summary').click();
  await host.page.getByTestId('setting-wire').selectOption('f16');
  await host.page.getByTestId('setting-save').click();
  await expect.poll(async () => (await readView(donor)).room!.settings.wireDtype).toBe('f16');
});

test('a removed device ends, and its link lets it in no more', { tag: '@long' }, async ({ lab, server }) => {
  const host = await createRoom(lab, server.url, cpu);
  const donor = await openDonor(lab, server.url, host, { ...cpu, name: 'Tablet' });
  await waitForStages(host.page, 1);
  await host.page.getByRole('button', { name: 'Remove Tablet' }).click();
  await host.page.getByTestId('remove-yes').click();
  await expect.poll(() => phaseOf(donor)).toBe('ended');
  await expect(donor.getByTestId('error')).toHaveAttribute('data-code', 'removed');
  await expect.poll(async () => (await readView(host.page)).room!.peers.map(({ name }) => name)).not.toContain('Tablet');
  await donor.reload();
  await expect(host.page.getByTestId('knock')).toHaveCount(1);
});

test('a renewed link is the one that the page shows, and the old one has to ask', { tag: '@long' }, async ({ lab, server }) => {
  const host = await createRoom(lab, server.url, cpu);
  await host.page.getByTestId('renew-link').click();
  await expect.poll(async () => (await readView(host.page)).room!.joinKey).not.toBe(host.key);
  const { joinKey } = (await readView(host.page)).room!;
  await expect(host.page.getByTestId('share-url')).toHaveAttribute('href', new RegExp(`#k=${joinKey}$`));
  const late = await openDonor(lab, server.url, host, cpu);
  await expect(host.page.getByTestId('knock')).toHaveCount(1);
  const welcome = await openDonor(lab, server.url, { ...host, key: joinKey }, cpu);
  await expect.poll(() => phaseOf(welcome)).toBe('joined');
  await expect.poll(() => phaseOf(late)).toBe('asking');
});

test('a room whose host has left for a minute is offered to the chat that is there, which looks after it then', {
  tag: '@long',
}, async ({ lab, server }) => {
  test.slow();
  const host = await createRoom(lab, server.url, cpu);
  const ann = await openChat(lab, server.url, host, { ...cpu, name: 'Ann' });
  const bob = await openChat(lab, server.url, host, { ...cpu, name: 'Bob' });
  await expect.poll(() => phaseOf(bob)).toBe('joined');
  await host.page.close();
  await expect(ann.getByText('Nobody looks after this room. Take over?')).toBeVisible({ timeout: 90_000 });
  expect(await bob.getByTestId('take-over').count()).toBe(0);
  await ann.getByTestId('take-over-yes').click();
  await expect(ann.getByTestId('renew-link')).toBeVisible();
  // The rights are Ann's own: they outlast her tab, and the server knows them again.
  await ann.reload();
  await expect(ann.getByTestId('renew-link')).toBeVisible();
  expect(await bob.getByTestId('renew-link').count()).toBe(0);
});
