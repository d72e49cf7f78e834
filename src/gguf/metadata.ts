import { AppError } from '../shared/errors.ts';
import type { ByteCursor } from './bytes.ts';

/** 64-bit integers beyond 2^53 stay bigints; all other numbers are numbers. */
export type MetadataScalar = number | bigint | boolean | string;
export type MetadataValue = MetadataScalar | MetadataValue[];

/** Numbers of the value types (GGUF specification, enum gguf_metadata_value_type). */
export const METADATA_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;

/** Fewest bytes that a value of each type takes, by its number. */
const MINIMUM_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];
/** Arrays of arrays are allowed; more levels than any writer makes would only exhaust the stack. */
const MAX_ARRAY_DEPTH = 4;
/** The largest vocabularies have 262,144 tokens and about as many merges. */
const MAX_ARRAY_VALUES = 4_194_304;

/** @throws AppError model-malformed, model-truncated */
export function readMetadataValue(cursor: ByteCursor, type: number, key: string, depth = 0): MetadataValue {
  switch (type) {
    case METADATA_TYPES.u8:
      return cursor.u8();
    case METADATA_TYPES.i8:
      return cursor.i8();
    case METADATA_TYPES.u16:
      return cursor.u16();
    case METADATA_TYPES.i16:
      return cursor.i16();
    case METADATA_TYPES.u32:
      return cursor.u32();
    case METADATA_TYPES.i32:
      return cursor.i32();
    case METADATA_TYPES.f32:
      return cursor.f32();
    case METADATA_TYPES.bool:
      return cursor.u8() !== 0;
    case METADATA_TYPES.string:
      return cursor.string(key);
    case METADATA_TYPES.array:
      return readArray(cursor, key, depth + 1);
    case METADATA_TYPES.u64:
      return narrow(cursor.bigU64());
    case METADATA_TYPES.i64:
      return narrow(cursor.bigI64());
    case METADATA_TYPES.f64:
      return cursor.f64();
    default:
      throw new AppError('model-malformed', `${key} has the value type ${type}; GGUF has 0 to 12`);
  }
}

function readArray(cursor: ByteCursor, key: string, depth: number): MetadataValue[] {
  if (depth > MAX_ARRAY_DEPTH) throw new AppError('model-malformed', `${key} nests arrays more than ${MAX_ARRAY_DEPTH} deep`);
  const type = cursor.u32();
  const count = cursor.count(`the length of the array ${key}`, MINIMUM_BYTES[type] ?? 1);
  if (count > MAX_ARRAY_VALUES)
    throw new AppError('model-malformed', `${key} has ${count} values, allowed are ${MAX_ARRAY_VALUES}`);
  const values: MetadataValue[] = [];
  for (let i = 0; i < count; i++) values.push(readMetadataValue(cursor, type, key, depth));
  return values;
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The key-value pairs of a GGUF file. Every getter throws AppError model-malformed for a value of another type. */
export class Metadata {
  private readonly values: ReadonlyMap<string, MetadataValue>;

  constructor(values: ReadonlyMap<string, MetadataValue>) {
    this.values = values;
  }

  get(key: string): MetadataValue | undefined {
    return this.values.get(key);
  }

  text(key: string): string | undefined {
    return this.typed(key, 'a text', (value) => typeof value === 'string');
  }

  flag(key: string): boolean | undefined {
    return this.typed(key, 'true or false', (value) => typeof value === 'boolean');
  }

  /** A finite number. */
  number(key: string): number | undefined {
    return this.typed(key, 'a number', (value): value is number => Number.isFinite(value));
  }

  /** A whole number >= 0 that a double holds exactly. */
  count(key: string): number | undefined {
    return this.typed(key, 'a whole number', (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);
  }

  texts(key: string): string[] | undefined {
    return this.typed(key, 'a list of texts', (value): value is string[] => isArrayOf(value, 'string'));
  }

  numbers(key: string): number[] | undefined {
    return this.typed(key, 'a list of numbers', (value): value is number[] => isArrayOf(value, 'number'));
  }

  private typed<T extends MetadataValue>(key: string, wanted: string, is: (value: MetadataValue) => value is T): T | undefined {
    const value = this.values.get(key);
    if (value === undefined || is(value)) return value;
    const got = Array.isArray(value) ? `a list of ${value.length}` : String(value).slice(0, 40);
    throw new AppError('model-malformed', `${key} must be ${wanted}, got ${got}`);
  }
}

function isArrayOf(value: MetadataValue, type: 'string' | 'number'): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === type);
}

/** @throws AppError model-malformed when the file lacks the key */
export function required<T>(value: T | undefined, key: string): T {
  if (value === undefined) throw new AppError('model-malformed', `the file's metadata lacks ${key}`);
  return value;
}
