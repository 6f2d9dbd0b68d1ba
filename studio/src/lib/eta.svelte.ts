// Estimate of the remaining time of a task that reports its progress.

/** Share of the task that must be done before there is an estimate. */
const MIN_SHARE = 0.03;

export class Eta {
  /** null without an estimate */
  seconds = $state<number | null>(null);
  private start = { time: 0, share: 0 };

  /** Start the task, or its next part, with this share done. */
  begin(share = 0): void {
    this.start = { time: performance.now(), share };
    this.seconds = null;
  }

  /** Update the estimate with the share that is done. */
  update(share: number): void {
    const done = share - this.start.share;
    this.seconds = done < MIN_SHARE ? null : Math.ceil(((performance.now() - this.start.time) * (1 - share)) / done / 1000);
  }
}
