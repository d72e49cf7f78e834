import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AppError } from '../errors.ts';
import { BULK_FRAGMENT_BYTES, decodeBulk, encodeBulkFragment, encodeBulkGrant, MAX_BULK_BYTES } from './bulk.ts';

describe('what goes over the bulk channel', () => {
  test('fragments and grants come out as they went in', () => {
    const fragment = { id: 7, totalBytes: 9000, body: Uint8Array.of(1, 2, 3) };
    expect(decodeBulk(encodeBulkFragment(fragment).buffer)).toEqual({ kind: 'fragment', ...fragment });
    expect(decodeBulk(encodeBulkGrant(65_536).buffer)).toEqual({ kind: 'grant', bytes: 65_536 });
  });

  test.each([
    ['too little', new ArrayBuffer(4), 'frame-malformed'],
    ['too much', new ArrayBuffer(BULK_FRAGMENT_BYTES + 1), 'frame-malformed'],
    ['an unknown kind', new ArrayBuffer(16), 'frame-malformed'],
    [
      'a fragment without a byte',
      encodeBulkFragment({ id: 1, totalBytes: 1, body: new Uint8Array(0) }).buffer,
      'frame-malformed',
    ],
    ['a message without a byte', encodeBulkFragment({ id: 1, totalBytes: 0, body: new Uint8Array(1) }).buffer, 'frame-malformed'],
    [
      'a message over the limit',
      encodeBulkFragment({ id: 1, totalBytes: MAX_BULK_BYTES + 1, body: new Uint8Array(1) }).buffer,
      'frame-too-large',
    ],
  ])('%s is refused', (_, item, code) => {
    expect(() => decodeBulk(item)).toThrow(expect.objectContaining({ code }));
  });

  test('garbage never causes anything but an AppError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeBulk(bytes.slice().buffer);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
    );
  });
});
