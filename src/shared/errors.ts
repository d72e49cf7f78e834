/** Every failure that a person or a peer can meet, by its stable name. The text beside it may change, the code may not. */
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

/** An error as it crosses a thread or a wire. */
export interface ErrorReport {
  code: ErrorCode;
  message: string;
}

/**
 * The one error class of the project. `message` is written for the person who reads it on a page: it says what was got
 * and what was allowed.
 */
export class AppError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
  }

  toReport(): ErrorReport {
    return { code: this.code, message: this.message };
  }

  static fromReport(report: ErrorReport): AppError {
    return new AppError(report.code, report.message);
  }

  /** Keeps an AppError as it is; anything else becomes `internal` with the original as its cause. */
  static from(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new AppError('internal', message, { cause: thrown });
  }
}
