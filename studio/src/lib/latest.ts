// What follows a hand asks faster than it is answered: one question at a time, and of those that
// wait only the newest.
export class Latest {
  private busy = false;
  private waiting: (() => Promise<void>) | null = null;

  async run(work: () => Promise<void>): Promise<void> {
    this.waiting = work;
    if (this.busy) return;
    this.busy = true;
    while (this.waiting) {
      const next: () => Promise<void> = this.waiting;
      this.waiting = null;
      await next();
    }
    this.busy = false;
  }
}
