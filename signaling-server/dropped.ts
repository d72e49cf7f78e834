import { AppError } from '../src/shared/errors.ts';
import type { Notice } from './room-state.ts';

/** Why a tab is not in its room any more. */
export function removedError(code: string): AppError {
  return new AppError('removed', `a host has removed this device from room ${code}`);
}

export function silentError(silentMs: number, allowedMs: number): AppError {
  const silent = `nothing was heard from this device for ${(silentMs / 1000).toFixed(1)} s`;
  return new AppError('dropped', `${silent}, ${allowedMs / 1000} s are allowed`);
}

export function droppedNotice(error: AppError): Notice {
  return { event: 'dropped', message: { error: error.toReport() } };
}
