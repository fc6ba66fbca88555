import type { Account } from '@qihang/ui'
import { describe, expect, it } from 'vitest'
import { grouped, needsFactor } from './factor'

const account = (role: string, totpEnrolled: boolean) => ({ role: `ROLE_${role}`, totpEnrolled }) as Account

describe('needsFactor', () => {
  it('holds for staff until one is set', () => {
    for (const role of ['DEPARTMENT', 'SCHOOL', 'PROVINCE']) {
      expect(needsFactor(account(role, false))).toBe(true)
      expect(needsFactor(account(role, true))).toBe(false)
    }
  })
  it('never holds for others', () => {
    for (const one of [null, undefined, account('STUDENT', false), account('EMPLOYER', false)]) expect(needsFactor(one)).toBe(false)
  })
})

it('groups a secret by fours, without a blank at the end', () => {
  expect(grouped('KLGB5CXWJZ')).toBe('KLGB 5CXW JZ')
  expect(grouped('KLGB5CXW')).toBe('KLGB 5CXW')
})
