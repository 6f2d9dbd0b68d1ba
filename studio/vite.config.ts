import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
  base: "./", // the page may be served below a path
  build: {
    outDir: "../src/latentarium/studio/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8765", "/decode": { target: "ws://127.0.0.1:8765", ws: true } } },
});
