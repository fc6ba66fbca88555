import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [vue()],
  test: {
    environment: 'happy-dom',
    include: ['{apps,packages}/*/src/**/*.test.ts', 'build/*.test.ts'],
    env: { TZ: 'Asia/Shanghai' },
  },
})
