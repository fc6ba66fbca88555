import { describe, expect, it } from 'vitest'
import { contentOf, fromLocal, linesOf, toLocal, valuesOf, yearsOf, type Content } from './announcement'

const content = {
  title: '秋季双选会',
  body: '请**准时**参加',
  targets: { roles: ['ROLE_STUDENT'], schoolCodes: ['4123010213'], cohorts: [2026, 2027], departments: ['计算学部'] },
  public: true,
  pinned: false,
  expireTime: '2026-12-01T04:00:00.000Z',
} as unknown as Content

describe('an announcement as values', () => {
  it('comes back as it went', () => {
    expect(contentOf(valuesOf(content))).toEqual(content)
  })
  it('concerns everybody when nothing narrows it', () => {
    expect(valuesOf(undefined).audience).toBe('all')
    expect(contentOf({ ...valuesOf(content), audience: 'all' }).targets).toBeUndefined()
  })
})

describe('times', () => {
  it('are Beijing time whatever the device says', () => {
    expect(toLocal('2026-12-01T04:00:00Z')).toBe('2026-12-01T12:00')
    expect(fromLocal('2026-12-01T12:00')).toBe('2026-12-01T04:00:00.000Z')
    expect(toLocal(undefined)).toBe('')
  })
})

describe('lists that are typed', () => {
  it('take each once', () => {
    expect(yearsOf('2026、2027届 2026')).toEqual([2026, 2027])
    expect(linesOf(' 计算学部\n\n数学学院\n计算学部')).toEqual(['计算学部', '数学学院'])
  })
})
