import { expect } from '@playwright/test';
import { test } from './room-test.ts';
import { openTab } from './tabs.ts';

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

test('a person creates a room and lets a friend in, who donates a phone, and the chat streams an answer', async ({
  lab,
  server,
}) => {
  const chat = await openTab(lab, `${server.url}/?engine=cpu&name=laptop&donate=off`);
  await chat.getByTestId('create-room').click();
  const code = await chat.getByTestId('room-code').first().textContent();

  const donor = await openTab(lab, `${server.url}/donate?engine=cpu&name=phone`, { context: phone });
  await donor.getByTestId('join-code').fill(code!.toLowerCase());
  await donor.getByTestId('join').click();
  await chat.getByTestId('let-in').click();
  await expect(donor.getByTestId('donate-layers')).toHaveAttribute('data-layers', '0-7');
  await expect(donor.getByTestId('donate-state')).toHaveAttribute('data-state', 'serving');

  await expect(chat.locator('[data-testid=device][data-state=serving]')).toContainText('phone');
  await expect(chat.getByTestId('plan-why')).toContainText('alone');
  await chat.getByTestId('composer').fill('Tell me a story about a fox');
  await chat.getByTestId('composer').press('Enter');
  const answer = chat.locator('[data-testid=message][data-role=assistant]');
  await expect(answer).toHaveAttribute('data-state', 'done');
  await expect(answer).toContainText(/\w+ \w+ \w+/);
  await expect(chat.getByTestId('answer-stats')).toContainText(/tokens\/s.*first token after/);
  await expect(donor.getByTestId('tokens-served')).not.toHaveText(/^0\b/);

  await donor.getByTestId('leave').click();
  await expect(chat.locator('[data-testid=device]')).toHaveCount(1);
  await expect(chat.getByTestId('error').first()).toHaveAttribute('data-code', 'no-devices');
});

test('a person stops an answer and asks on in the same conversation', async ({ lab, server }) => {
  const chat = await openTab(lab, `${server.url}/?engine=webgpu`);
  await chat.getByTestId('create-room').click();
  await expect(chat.getByTestId('plan-why')).not.toBeEmpty();
  await expect(chat.getByTestId('device'), 'what its kernels were tuned to').toContainText(/thread.* for .*; prompts: /);
  await chat.getByTestId('composer').fill('Tell me a story about a dog and a ball.');
  await chat.getByTestId('send').click();
  const answers = chat.locator('[data-testid=message][data-role=assistant]');
  await expect(answers.first()).toContainText(/\w+ \w+ \w+/);
  await chat.getByTestId('stop').click();
  await expect(answers.first()).toHaveAttribute('data-state', 'stopped');
  await chat.getByTestId('composer').fill('Thank you!');
  await chat.getByTestId('send').click();
  await expect(answers).toHaveCount(2);
  await expect(answers.nth(1)).toHaveAttribute('data-state', 'done');
});
