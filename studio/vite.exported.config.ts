// Builds the page of `latentarium export --html` into one file, without the model.
import { createHash } from "node:crypto";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

/** Put scripts and styles into the page, and forbid the page to load anything. */
function singleFile(): Plugin {
  return {
    name: "single-file",
    enforce: "post",
    generateBundle(_, bundle) {
      let script = "";
      let style = "";
      if (Object.values(bundle).filter((file) => file.type === "chunk").length > 1) throw new Error("There must be exactly one script.");
      for (const [name, file] of Object.entries(bundle)) {
        if (name.endsWith(".html")) continue;
        if (file.type === "chunk") script += file.code;
        else if (name.endsWith(".css")) style += file.source;
        else throw new Error(`${name} is not part of the page.`);
        delete bundle[name];
      }
      script = script.replaceAll("</script", "<\\/script");
      const hash = createHash("sha256").update(script).digest("base64");
      const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; img-src data:; worker-src blob:`;
      const [page] = Object.values(bundle);
      if (page?.type !== "asset" || Object.keys(bundle).length !== 1) throw new Error("There must be exactly one page.");
      page.fileName = "page.html";
      page.source = String(page.source)
        .replace(/<script type="module"[^>]*src=[^>]*><\/script>\s*/, "")
        .replace(/<link rel="stylesheet"[^>]*>\s*/, "")
        .replace("<head>", () => `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`)
        .replace("</head>", () => `<style>${style}</style>\n  </head>`)
        .replace("</body>", () => `<script type="module">${script}</script>\n  </body>`);
    },
  };
}

export default defineConfig({
  plugins: [svelte(), singleFile()],
  build: {
    outDir: "../src/latentarium/export/static",
    emptyOutDir: true,
    target: "es2022",
    copyPublicDir: false,
    cssCodeSplit: false,
    modulePreload: false,
    rollupOptions: { input: "exported.html" },
  },
});
