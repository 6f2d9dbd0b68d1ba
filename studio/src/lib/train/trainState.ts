// The state of Train that is kept in the address.
import { slice } from "../address.svelte";

export const trainState = slice("t.", {
  /** images: runs of image models; lab: the 2-D lab */
  view: "images",
  /** id of the run that is shown; empty: the form for a new one */
  run: "",
  /** the training step that charts and images show; below 0: the last one */
  step: -1,
}, { view: ["images", "lab"] });
