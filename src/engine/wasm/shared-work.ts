import type { Patience } from './patience.ts';
import { TASK_WORDS, type Task } from './task.ts';

/**
 * Tasks that several threads take in turn, as 32-bit words in the memory that they share. Whoever is free takes the
 * next one, so that nobody waits for a thread that has not woken yet.
 *
 * The ticket counts the tasks that are left, below a number that changes with every offer. A task is taken by lowering
 * the ticket that was seen before the task was read: had others been offered since, the ticket would differ.
 * New tasks are written only while nothing is left of the old ones and all of them are done.
 */
const TICKET = 0;
const DONE = TICKET + 1;
const TASKS = DONE + 1;
/** Of one offer. */
export const MAX_TASKS = 256;
export const SHARED_WORDS = TASKS + MAX_TASKS * TASK_WORDS;

const LEFT_MASK = 0xffff;
const NUMBER_STEP = 0x10000;
/** Offers at most MAX_TASKS tasks to all threads. Earlier ones are done. */
export function offer(words: Int32Array, tasks: readonly Task[]): void {
  for (const [index, task] of tasks.entries()) words.set(task, TASKS + index * TASK_WORDS);
  Atomics.store(words, DONE, 0);
  const number = (Atomics.load(words, TICKET) & ~LEFT_MASK) + NUMBER_STEP;
  Atomics.store(words, TICKET, number | tasks.length);
  Atomics.notify(words, TICKET, tasks.length - 1);
}

/** Takes a task, the last ones first; null when none is left. */
export function take(words: Int32Array): Task | null {
  for (;;) {
    const ticket = Atomics.load(words, TICKET);
    const left = ticket & LEFT_MASK;
    if (left === 0) return null;
    const task = readTask(words, left - 1);
    if (Atomics.compareExchange(words, TICKET, ticket, ticket - 1) === ticket) return task;
  }
}

/** Counts a task that was taken and computed. */
export function finish(words: Int32Array): void {
  Atomics.add(words, DONE, 1);
  Atomics.notify(words, DONE);
}

/** Sleeps until something may have been offered. */
export function awaitOffer(words: Int32Array, patience: Patience): void {
  const ticket = patience.lookFor(words, TICKET, (value) => (value & LEFT_MASK) > 0);
  if ((ticket & LEFT_MASK) === 0) Atomics.wait(words, TICKET, ticket);
}

/** Sleeps until so many tasks are done. @returns false when the next one takes longer than `timeoutMs` */
export function awaitDone(words: Int32Array, tasks: number, timeoutMs: number, patience: Patience): boolean {
  for (;;) {
    const done = patience.lookFor(words, DONE, (value) => value === tasks);
    if (done === tasks) return true;
    if (Atomics.wait(words, DONE, done, timeoutMs) === 'timed-out') return false;
  }
}

/** Addresses may be above 2^31. */
function readTask(words: Int32Array, index: number): Task {
  const task: number[] = [];
  for (let at = TASKS + index * TASK_WORDS, end = at + TASK_WORDS; at < end; at++) task.push(words[at]! >>> 0);
  return task as readonly number[] as Task;
}
