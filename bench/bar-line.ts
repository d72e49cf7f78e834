/** A promise in numbers, kept or not. */
export interface Bar {
  name: string;
  figure: number;
  /** What the figure must not exceed, or must reach. */
  limit: number;
  sense: '<=' | '>=';
  unit?: string;
  /** Why a bar that is not kept is not. */
  note?: string;
}

function kept({ figure, limit, sense }: Bar): boolean {
  return sense === '<=' ? figure <= limit : figure >= limit;
}

/** `bar decode-vs-ort 21.3 x >=15 ok`; a figure without a unit has the unit 1. */
export function barLine(bar: Bar): string {
  const { name, figure, limit, sense, unit = '1', note } = bar;
  return `bar ${name} ${brief(figure)} ${unit} ${sense}${brief(limit)} ${kept(bar) ? 'ok' : 'short'}${note ? ` (${note})` : ''}`;
}

/** Three digits that count. */
export function brief(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(2);
  return String(Number(value.toPrecision(3)));
}
