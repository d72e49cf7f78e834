import type { Method } from './methods.ts';

export interface Cell {
  /** null: out of memory. */
  value: number | null;
  /** Quoted by others; not checked against the paper itself. */
  isSecondHand: boolean;
}

const sure = (value: number | null): Cell => ({ value, isSecondHand: false });
const quoted = (value: number | null): Cell => ({ value, isSecondHand: true });

/** The paper's main table: ms per token, tokens per second. */
export const PAPER: Record<string, Partial<Record<Method, readonly [Cell, Cell]>>> = {
  'Llama2-7B': {
    'Edge-Solo': [sure(140.34), quoted(24.36)],
    'Cloud-Edge-Even': [quoted(227.35), quoted(7.56)],
    'Cloud-Edge-Opt': [quoted(140.34), quoted(24.36)],
    "EdgeShard's DP": [sure(75.88), sure(52.45)],
  },
  'Llama2-13B': {
    'Edge-Solo': [quoted(null), quoted(null)],
    'Cloud-Edge-Even': [quoted(null), quoted(null)],
    'Cloud-Edge-Opt': [quoted(243.45), quoted(4.68)],
    "EdgeShard's DP": [quoted(173.43), quoted(10.45)],
  },
  'Llama2-70B': {
    'Edge-Solo': [sure(null), sure(null)],
    'Cloud-Edge-Even': [sure(null), sure(null)],
    'Cloud-Edge-Opt': [sure(null), sure(null)],
    "EdgeShard's DP": [sure(3086), sure(1.25)],
  },
};
