const collator = new Intl.Collator(undefined, { numeric: true });

/** Compare two names so that "run 9" comes before "run 10". */
export const naturalOrder = (a: string, b: string): number => collator.compare(a, b);
