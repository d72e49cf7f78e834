/**
 * Holds back what the server tells of a room until this tab has taken in that it joined it. Over polling the answer to
 * `room:join` and what happened after it come in one batch: read in the wrong order, the list of devices in the answer is
 * older than the one already known, and whoever joined in between would be taken to have left for good.
 */
export class JoinGate {
  /** Null: open. */
  private waiting: (() => void)[] | null = [];

  /** Acts now, or in the order of the calls as soon as the gate opens. */
  pass(act: () => void): void {
    if (this.waiting) this.waiting.push(act);
    else act();
  }

  open(): void {
    const held = this.waiting ?? [];
    this.waiting = null;
    for (const act of held) act();
  }

  /** What is still held back belongs to a connection that is gone. */
  close(): void {
    this.waiting = [];
  }
}
