import { describe, expect, test } from 'vitest';
import { belongsTo, type CandidateSignal, readAttempt, tagAttempt } from './signal-match.ts';

const sdp = 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\na=ice-ufrag:Ab+1\r\na=ice-pwd:secret\r\na=mid:0\r\n';

function candidate(line: string, usernameFragment?: string): CandidateSignal {
  return { type: 'candidate', candidate: { candidate: line, sdpMid: '0', ...(usernameFragment ? { usernameFragment } : {}) } };
}

describe('the signals of an attempt', () => {
  test('a tagged description gives back its attempt and itself', () => {
    expect(readAttempt(tagAttempt(sdp, 1))).toEqual({ attempt: 1, sdp });
    expect(readAttempt(tagAttempt(sdp, 123_456_789))).toEqual({ attempt: 123_456_789, sdp });
  });

  test.each([sdp, '', 'a=x-edgeshard-attempt:\r\n', 'a=x-edgeshard-attempt:1234567890\r\n', 'x a=x-edgeshard-attempt:1'])(
    'a description without a fitting tag has no attempt: %j',
    (text) => expect(readAttempt(text)).toBeNull(),
  );

  test.each([
    [candidate('candidate:1 1 udp 2122 127.0.0.1 40000 typ host generation 0 ufrag Ab+1 network-id 1'), true],
    [candidate('candidate:1 1 udp 2122 127.0.0.1 40000 typ host generation 0 ufrag Ab network-id 1'), false],
    [candidate('candidate:1 1 udp 2122 127.0.0.1 40000 typ host ufrag zzzz'), false],
    [candidate('candidate:1 1 udp 2122 127.0.0.1 40000 typ host', 'Ab+1'), true],
    [candidate('candidate:1 1 udp 2122 127.0.0.1 40000 typ host', 'zzzz'), false],
    [candidate('candidate:1 1 udp 2122 127.0.0.1 40000 typ host'), true],
  ])('%j belongs to the description: %s', (signal, belongs) => expect(belongsTo(signal, sdp)).toBe(belongs));
});
