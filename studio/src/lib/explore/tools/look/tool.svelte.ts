// The image at the cursor.
import type { Tool, ToolState } from "../../tools";
import Panel from "./Panel.svelte";

export default { name: "look", order: 0, createState: () => ({ errorMessage: "" }), Panel } satisfies Tool<ToolState>;
