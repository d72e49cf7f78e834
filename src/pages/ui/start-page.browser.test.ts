import { h, render } from 'preact';
import { afterEach, expect, test, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { AppError } from '../../shared/errors.ts';
import { DEFAULT_SETTINGS } from '../../shared/model/room-settings.ts';
import { StartPage } from './start-page.tsx';

afterEach(() => {
  render(null, document.body);
});

function show(refusedCode: string | null = null) {
  const createRoom = vi.fn(async (_settings: object, _passphrase: string | null) => ({ code: 'AB2CD', joinKey: 'k'.repeat(16) }));
  const open = vi.fn();
  render(h(StartPage, { createRoom, refusedCode, query: '?engine=cpu', open }), document.body);
  return { createRoom, open };
}

test('one click creates a room and opens its chat with its key, the query kept', async () => {
  const { createRoom, open } = show();
  await userEvent.click(page.getByTestId('create-room'));
  await expect.poll(() => open.mock.calls).toEqual([['/chat/AB2CD?engine=cpu#k=kkkkkkkkkkkkkkkk']]);
  expect(createRoom).toHaveBeenCalledExactlyOnceWith(DEFAULT_SETTINGS, null);
});

test('the details choose another model', async () => {
  const { createRoom } = show();
  await userEvent.click(page.getByText('Model and settings'));
  await userEvent.fill(page.getByTestId('setting-model'), 'https://models.example/a.gguf');
  await userEvent.click(page.getByTestId('create-room'));
  await expect.poll(() => createRoom.mock.calls[0]?.[0]).toMatchObject({ modelUrl: 'https://models.example/a.gguf' });
});

test('the details keep the room private, and behind a passphrase', async () => {
  const { createRoom } = show();
  await userEvent.click(page.getByText('Model and settings'));
  await userEvent.selectOptions(page.getByTestId('setting-privacy'), 'private');
  await userEvent.fill(page.getByTestId('setting-passphrase'), 'open sesame');
  await userEvent.click(page.getByTestId('create-room'));
  await expect
    .poll(() => createRoom.mock.calls[0])
    .toEqual([{ ...DEFAULT_SETTINGS, sourceLayers: 1, headOnSource: true }, 'open sesame']);
});

test('a page that is older than its server can be reloaded', async () => {
  const { createRoom } = show();
  createRoom.mockRejectedValueOnce(new AppError('version-mismatch', 'the server speaks version 3, this page 2'));
  await userEvent.click(page.getByTestId('create-room'));
  await expect.element(page.getByTestId('reload')).toBeVisible();
});

test('a server that does not answer is told, and the button can be pressed again', async () => {
  const { createRoom } = show();
  createRoom.mockRejectedValueOnce(new AppError('server-unreachable', 'the server did not answer within 5 s'));
  await userEvent.click(page.getByTestId('create-room'));
  await expect.element(page.getByTestId('error')).toHaveAttribute('data-code', 'server-unreachable');
  await expect.element(page.getByTestId('create-room')).toBeEnabled();
});

test('a code is upper case as typed; Enter joins the chat, the other button lends', async () => {
  const { open } = show();
  await userEvent.type(page.getByTestId('join-code'), 'ab-2cd');
  await expect.element(page.getByTestId('join-code')).toHaveValue('AB2CD');
  await userEvent.keyboard('{Enter}');
  expect(open).toHaveBeenLastCalledWith('/chat/AB2CD?engine=cpu');
  await userEvent.click(page.getByTestId('join-donate'));
  expect(open).toHaveBeenLastCalledWith('/donate/AB2CD?engine=cpu');
});

test('half a code is explained instead of opened', async () => {
  const { open } = show();
  await userEvent.type(page.getByTestId('join-code'), 'AB');
  await userEvent.click(page.getByTestId('join'));
  await expect.element(page.getByText('A room code has 5 letters or digits')).toBeVisible();
  expect(open).not.toHaveBeenCalled();
});

test('an address with something that is no code says so', async () => {
  show('HELLO1');
  await expect.element(page.getByTestId('error')).toHaveAttribute('data-code', 'room-not-found');
});
