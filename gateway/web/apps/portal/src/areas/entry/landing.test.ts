import type { Account } from '@qihang/ui'
import { describe, expect, it } from 'vitest'
import { createMemoryHistory, createRouter } from 'vue-router'
import { entranceOf, landing } from './landing'

const page = { template: '<p />' }
const router = createRouter({
  history: createMemoryHistory(),
  routes: [
    { path: '/', component: page },
    { path: '/verify', component: page },
    { path: '/second-factor', component: page },
    { path: '/c/queue', component: page, meta: { roles: ['SCHOOL'] } },
    { path: '/e/home', component: page, meta: { roles: ['EMPLOYER'] } },
  ],
})
const account = (role: string, totpEnrolled: boolean) => ({ role: `ROLE_${role}`, totpEnrolled }) as Account

describe('entranceOf', () => {
  it('takes what is named', () => expect(entranceOf('staff', '/e/home')).toBe('staff'))
  it('guesses by the page that was wanted', () => {
    expect(entranceOf(undefined, '/e/home')).toBe('employer')
    expect(entranceOf('nobody', '/p/ops')).toBe('staff')
    expect(entranceOf(undefined, undefined)).toBe('student')
  })
})

describe('landing', () => {
  it('leads staff without a second factor to it, and remembers what was wanted', () => {
    expect(landing(router, account('SCHOOL', false), '/c/queue')).toBe('/second-factor?return_to=/c/queue')
    expect(landing(router, account('DEPARTMENT', false), undefined)).toBe('/second-factor')
  })
  it('leads back to what was wanted', () => {
    expect(landing(router, account('SCHOOL', true), '/c/queue')).toBe('/c/queue')
    expect(landing(router, account('EMPLOYER', false), '/verify')).toBe('/verify')
  })
  it('leads home from pages of others and from other hosts', () => {
    expect(landing(router, account('EMPLOYER', false), '/c/queue')).toBe('/e/home')
    expect(landing(router, account('SCHOOL', true), '//elsewhere.example')).toBe('/c/home')
  })
})
