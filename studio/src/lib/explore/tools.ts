// The tools of Explore. Each folder in `tools` has one, which its tool.svelte.ts registers.
import type { Component } from "svelte";
import type { Model } from "../api";
import type { Frame } from "../MapView.svelte";
import type { DecodeSocket } from "../socket";
import type { Explorer } from "./explorer.svelte";
import type { QueryImage } from "./queryImage.svelte";

/** What a tool remembers while one model is open. */
export interface ToolState {
  /** shown above the panel; empty without an error */
  readonly errorMessage: string;
  /** Called with a class that is clicked in the legend; absent if the tool has no use for it. */
  readonly onClass?: (label: number) => void;
  /** Called when another tool is selected. */
  leave?(): void;
  /** Called when the model is closed. */
  close?(): void;
}

/** What the tools of a model share. */
export interface ToolContext {
  here: Explorer;
  query: QueryImage;
  /** a socket for the tools, which doesn't delay the image at the cursor */
  socket: DecodeSocket;
}

export interface ToolProps<State> {
  here: Explorer;
  query: QueryImage;
  tool: State;
}

export interface Tool<State extends ToolState = ToolState> {
  /** key of its title in the locales, and of the address */
  name: string;
  /** position among the buttons */
  order: number;
  /** whether a model has the tool; absent: all models have it */
  supports?: (model: Model) => boolean;
  createState: (context: ToolContext) => State;
  /** on the right of the map */
  Panel: Component<ToolProps<State>>;
  /** on the map, below the names of the classes */
  Dots?: Component<ToolProps<State> & { frame: Frame }>;
  /** on the map */
  Marks?: Component<ToolProps<State> & { frame: Frame }>;
  /** whether the marks stay while other tools are open */
  marksStay?: boolean;
  /** below the map */
  Strips?: Component<ToolProps<State>>;
  /** height of the strips in pixels */
  stripsHeight?: (model: Model) => number;
}

/** A tool, whatever the type of its state. */
export type AnyTool = Tool<any>;

const modules = import.meta.glob<{ default: AnyTool }>("./tools/*/tool.svelte.ts", { eager: true });

/** All tools, in the order of their buttons; the first one supports all models. */
export const TOOLS = Object.values(modules).map((module) => module.default).sort((a, b) => a.order - b.order);
