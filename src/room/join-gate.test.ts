import { expect, test } from 'vitest';
import { JoinGate } from './join-gate.ts';

test('what the server says before the answer to joining is heard after it, in order', () => {
  const gate = new JoinGate();
  const heard: string[] = [];
  gate.pass(() => heard.push('a list with a newcomer'));
  gate.pass(() => heard.push("the newcomer's signal"));
  heard.push('the answer');
  gate.open();
  gate.pass(() => heard.push('a plan'));
  expect(heard).toEqual(['the answer', 'a list with a newcomer', "the newcomer's signal", 'a plan']);
});

test('what a lost connection said is not heard after joining anew', () => {
  const gate = new JoinGate();
  const heard: string[] = [];
  gate.pass(() => heard.push('of the lost connection'));
  gate.close();
  gate.open();
  gate.close();
  gate.pass(() => heard.push('of the new one'));
  expect(heard).toEqual([]);
  gate.open();
  expect(heard).toEqual(['of the new one']);
});
