/** Runs asynchronous calls one after the other, in the order they were made. */
export class CallQueue {
  private tail: Promise<void> = Promise.resolve();
  private pending = 0;

  /** A task that fails rejects its own promise only. */
  run<T>(task: () => T | Promise<T>): Promise<T> {
    this.pending++;
    const result = this.tail.then(task);
    // Registered before anybody can await the result, so that a caller who has seen it finds the queue already shorter.
    const done = () => {
      this.pending--;
    };
    this.tail = result.then(done, done);
    return result;
  }

  /** At once when nothing is running or waiting, else in its turn. For changes that cannot fail. */
  apply(change: () => void): void {
    if (this.pending === 0) change();
    else void this.run(change);
  }
}
