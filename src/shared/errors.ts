/** Every failure that a person or a peer can meet, by its stable name. */
export const ERROR_CODES = [
  // rooms and signaling
  'room-not-found',
  'room-full',
  'not-host',
  'not-joined',
  'peer-not-found',
  'bad-message',
  'rate-limited',
  'server-unreachable',
  'server-full',
  'too-many-tries',
  'version-mismatch',
  'dropped',
  'removed',
  'not-allowed',
  'nobody-allows',
  'passphrase-needed',
  'passphrase-wrong',
  // links and frames
  'link-timeout',
  'peer-lost',
  'frame-malformed',
  'frame-too-large',
  'link-congested',
  'frame-lost',
  'epoch-unknown',
  'sequence-gap',
  'stage-failed',
  'stage-hung',
  // models
  'model-unreachable',
  'model-ignores-ranges',
  'model-truncated',
  'model-changed',
  'model-malformed',
  'not-gguf',
  'quantisation-unsupported',
  'architecture-unsupported',
  'tokenizer-unsupported',
  // devices and plans
  'no-webgpu',
  'device-lost',
  'out-of-memory',
  'no-devices',
  'does-not-fit',
  'no-path',
  'planning-timeout',
  // chats
  'context-full',
  'no-plan',
  'room-changed',
  'busy',
  'stopped',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * What the sentence for an error is made of on the page: numbers with their unit in the name (`neededBytes`, `waitedMs`), names,
 * addresses.
 */
export type ErrorValues = Readonly<Record<string, string | number>>;

/** What a report may carry of them; more is cut off before it is sent. */
export const MAX_ERROR_VALUES = 12;
export const MAX_VALUE_NAME_LENGTH = 40;
export const MAX_VALUE_LENGTH = 200;
export const MAX_ERROR_MESSAGE_LENGTH = 2000;

/** An error as it crosses a thread or a wire. What people read is made of code and values; `message` is for logs and details. */
export interface ErrorReport {
  code: ErrorCode;
  values?: ErrorValues;
  message: string;
}

/** The one error class of the project. `message` is a technical line: it says what was got and what was allowed. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly values: ErrorValues | undefined;

  constructor(code: ErrorCode, message: string, options: { values?: ErrorValues; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'AppError';
    this.code = code;
    this.values = options.values;
  }

  toReport(): ErrorReport {
    const report = { code: this.code, message: this.message.slice(0, MAX_ERROR_MESSAGE_LENGTH) };
    return this.values === undefined ? report : { ...report, values: withinBounds(this.values) };
  }

  static fromReport({ code, message, values }: ErrorReport): AppError {
    return new AppError(code, message, values === undefined ? {} : { values });
  }

  /** Keeps an AppError as it is; anything else becomes `internal` with the original as its cause. */
  static from(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new AppError('internal', message, { cause: thrown });
  }
}

function withinBounds(values: ErrorValues): ErrorValues {
  const kept = Object.entries(values).filter(([, value]) => typeof value === 'string' || Number.isFinite(value));
  return Object.fromEntries(
    kept
      .slice(0, MAX_ERROR_VALUES)
      .map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, MAX_VALUE_LENGTH) : value]),
  );
}
