// How long something that tells of its progress will still take.

/** Of the whole, before which nobody can tell. */
const EARLY = 0.03;

export class Remaining {
  /** null while it is too early to tell */
  seconds = $state<number | null>(null);
  private began = { at: 0, share: 0 };

  /** It begins, or goes on with another part, of which this share is done. */
  begin(share = 0): void {
    this.began = { at: performance.now(), share };
    this.seconds = null;
  }

  /** This share of it is done. */
  tell(share: number): void {
    const done = share - this.began.share;
    this.seconds = done < EARLY ? null : Math.ceil(((performance.now() - this.began.at) * (1 - share)) / done / 1000);
  }
}
