import { expect, test } from 'vitest';
import { isThisMachineOnly } from './share-view.tsx';

test.each(['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080'])(
  '%s is of no use to another device',
  (origin) => {
    expect(isThisMachineOnly(origin)).toBe(true);
  },
);

test.each(['https://192.168.1.20:8443', 'https://room.example'])('%s may be', (origin) => {
  expect(isThisMachineOnly(origin)).toBe(false);
});
