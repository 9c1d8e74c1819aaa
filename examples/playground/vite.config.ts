import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { VitePWA } from "vite-plugin-pwa";
import { contentSecurityPolicy } from "./content-security-policy.ts";

/** Writes the policy into the page, so that it holds wherever the files are served from. */
const policyInPage: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: contentSecurityPolicy },
      injectTo: "head-prepend",
    },
  ],
};

export default defineConfig({
  // Relative addresses: the files can be served from any folder.
  base: "./",
  // The package of this repository, as its package.json says.
  resolve: { alias: { seethrough: fileURLToPath(new URL("../..", import.meta.url)) } },
  server: { fs: { allow: ["../.."] } },
  // A file of its own for every asset: the policy allows no data: addresses.
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 1500 },
  // One file: a worker that started before the service worker did gets nothing from it, and would miss what it loads on demand as soon
  // as the network is gone.
  worker: { format: "es", rolldownOptions: { output: { codeSplitting: false } } },
  preview: { headers: { "Content-Security-Policy": `${contentSecurityPolicy}; frame-ancestors 'none'` } },
  plugins: [
    policyInPage,
    VitePWA({
      registerType: "prompt",
      injectRegister: false,
      includeAssets: ["icons/*"],
      workbox: {
        globPatterns: ["**/*.{html,js,css,wasm,onnx,png,svg,txt,webmanifest}"],
        maximumFileSizeToCacheInBytes: 8 * 1024 * 1024,
        inlineWorkboxRuntime: true,
        // The first visit too, not only those after it, can go on without a network.
        clientsClaim: true,
        sourcemap: false,
      },
      manifest: {
        name: "seethrough playground",
        short_name: "seethrough",
        description: "See what a convolutional network saw. Everything is computed on this device.",
        start_url: "./",
        scope: "./",
        display: "standalone",
        background_color: "#10161d",
        theme_color: "#0f4c5c",
        icons: [
          { src: "icons/icon-192.png", sizes: "192x192", type: "image/png" },
          { src: "icons/icon-512.png", sizes: "512x512", type: "image/png" },
          { src: "icons/icon-maskable-512.png", sizes: "512x512", type: "image/png", purpose: "maskable" },
          { src: "icons/icon.svg", sizes: "any", type: "image/svg+xml" },
        ],
      },
    }),
  ],
});
