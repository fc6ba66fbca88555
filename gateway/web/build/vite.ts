// What both apps share of the build. An app's own vite.config.ts names only its base path, its port and its page.
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig, type UserConfig } from 'vite'

const web = fileURLToPath(new URL('..', import.meta.url))

/** The gateway that the development server passes calls on to. */
const gateway = process.env['QIHANG_GATEWAY'] ?? 'http://127.0.0.1:8080'

export function app(name: 'portal' | 'h5', base: string, port: number): UserConfig {
  return defineConfig({
    root: `${web}/apps/${name}`,
    base,
    publicDir: `${web}/public`,
    cacheDir: `${web}/node_modules/.vite/${name}`,
    plugins: [vue()],
    define: {
      __VUE_OPTIONS_API__: 'false',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
      __INTLIFY_PROD_DEVTOOLS__: 'false',
      __VUE_I18N_LEGACY_API__: 'false',
      __VUE_I18N_FULL_INSTALL__: 'false',
      __INTLIFY_DROP_MESSAGE_COMPILER__: 'true',
    },
    build: {
      outDir: `${web}/dist/${name}`,
      emptyOutDir: true,
      target: ['chrome100', 'safari15.4', 'firefox100'],
      // The policy allows no data: scripts and styles; small pictures may be inline.
      assetsInlineLimit: (path) => (path.endsWith('.svg') ? false : undefined),
      chunkSizeWarningLimit: 400,
      reportCompressedSize: false,
      manifest: true,
    },
    server: {
      host: '127.0.0.1',
      port: Number(process.env['QIHANG_WEB_PORT'] ?? port),
      strictPort: true,
      proxy: { '^/(v1|openapi.json|docs|healthz|readyz|\\.well-known)': { target: gateway, changeOrigin: false } },
    },
  })
}
