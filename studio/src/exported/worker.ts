// Decodes latents in the background, so that the page stays responsive.
import { float16Array, float32Array } from "./numbers";
import { Program, type ProgramJson } from "./program";

export interface Setup {
  program: ProgramJson;
  /** base64 */
  weights: string;
  weightsType: "float16" | "float32";
}
/** Inputs of the decoder: a latent, and class weights if it takes a label. */
export type Inputs = Float32Array[];
/** The image in [-1, 1], channels first, or an error message. */
export type Reply = Float32Array | string;

let program: Program | null = null;

onmessage = (event: MessageEvent<Setup | Inputs>) => {
  try {
    if (Array.isArray(event.data)) {
      postMessage(program!.run(...event.data).slice() satisfies Reply);
    } else {
      const { weights, weightsType } = event.data;
      program = new Program(event.data.program, weightsType === "float16" ? float16Array(weights) : float32Array(weights));
    }
  } catch (error) {
    postMessage(String(error) satisfies Reply);
  }
};
