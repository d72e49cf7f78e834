import { parentPort } from 'node:worker_threads';
import { planRoom } from '../src/shared/planner/plan.ts';
import type { PlanReply, PlanRequest } from './planner-runner.ts';

parentPort?.on('message', ({ id, problem }: PlanRequest) => {
  const reply: PlanReply = { id, result: planRoom(problem) };
  parentPort?.postMessage(reply);
});
