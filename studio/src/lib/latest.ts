// Run one request at a time. Of the requests that arrive during a run, keep only the newest: dragging
// produces more requests than the server can answer.
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
