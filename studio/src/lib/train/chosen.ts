// What is looked at in Train, as the address says it.
import { slice } from "../address.svelte";

export const chosen = slice("t.", {
  /** images: trainings of image models; lab: the plane */
  view: "images",
  /** the run that is shown; empty: what a new one needs */
  run: "",
  /** the training step at which things are looked at; below 0: the last one */
  step: -1,
});
