// Chromium of this machine against the real suite; deploy/tools/browser says which and where.
import { defineConfig } from '@playwright/test'

const chromium = process.env['QIHANG_TEST_CHROMIUM'] ?? '/usr/bin/chromium'
// Nothing of the browser's own may go out to the network.
const quiet = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export default defineConfig({
  testDir: '.',
  outputDir: process.env['QIHANG_TEST_ARTIFACTS'] ?? 'artifacts',
  globalSetup: './suite.ts',
  // One suite, one story: what one test makes, a later one sees.
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  // A machine that CI shares with others may be slow once.
  retries: process.env['CI'] === undefined ? 0 : 1,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    locale: 'zh-CN',
    timezoneId: 'Asia/Shanghai',
    launchOptions: { executablePath: chromium, args: quiet },
    actionTimeout: 15_000,
    navigationTimeout: 30_000,
    screenshot: 'only-on-failure',
    // A trace films each page, which costs as much as the test itself.
    trace: 'on-first-retry',
  },
  projects: [
    { name: 'walk', testMatch: 'walk.spec.ts' },
    { name: 'routes', testMatch: 'routes.spec.ts', dependencies: process.env['QIHANG_TEST_LOGINS'] === undefined ? ['walk'] : [] },
    { name: 'acts', testMatch: 'acts-*.spec.ts', dependencies: process.env['QIHANG_TEST_LOGINS'] === undefined ? ['walk'] : [] },
    { name: 'parity', testMatch: 'parity.spec.ts' },
  ],
})
