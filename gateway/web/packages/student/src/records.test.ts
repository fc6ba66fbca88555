import account from '@qihang/account/locales/zh-CN.json'
import { describe, expect, it } from 'vitest'
import { correctedFields, fieldOfCorrection } from './correction'
import { LOCKED_FIELDS, lockedText, names, OWN, QUESTIONS, submission, type OwnName } from './fields'
import zh from './locales/zh-CN.json'
import en from './locales/en.json'
import { held, mostZoom, part, pictureFault, zoomed } from './portrait'
import { STUDENT_ROUTES } from './routes'
import { CHECK, LOCKED_STEP, next, place, STEPS } from './steps'
import { windowState } from './windows'

function keys(value: object, before = ''): string[] {
  return Object.entries(value).flatMap(([key, one]) => (typeof one === 'object' ? keys(one as object, `${before}${key}.`) : [before + key]))
}

describe('the words', () => {
  it('are the same in both languages', () => expect(keys(en).sort()).toEqual(keys(zh).sort()))
  it('name every field and every page', () => {
    for (const field of [...LOCKED_FIELDS.map((one) => one.name), ...OWN]) expect(keys(zh)).toContain(`fields.${field}`)
    const titles = [...keys(zh, 'student.'), ...keys(account, 'account.')]
    for (const route of STUDENT_ROUTES) expect(titles).toContain(route.title)
  })
})

describe('a record that is sent', () => {
  const values = Object.fromEntries(OWN.map((name) => [name, ` ${name} `])) as Record<OwnName, string>
  it('carries the eight fields, tidied, and what is wrong elsewhere', () => {
    const body = submission(values, [{ field: 'major', proposedValue: '软件工程', note: '', evidenceFileId: '' }], '"3"', 'id')
    expect(Object.keys(body.own)).toHaveLength(8)
    expect(body.own.mobile).toBe('mobile')
    expect(body.checked).toBe(true)
    expect(body.flaggedIssues[0]).toMatchObject({ field: 'major', proposedValue: '软件工程' })
  })
  it('shows a code by its words and knows it by both names', () => {
    const gender = LOCKED_FIELDS.find((one) => one.name === 'genderCode')
    if (gender === undefined) throw new Error('no such field')
    expect(lockedText({ genderCode: '1', gender: '男' } as never, gender)).toBe('男')
    expect(names(gender, 'gender') && names(gender, 'genderCode')).toBe(true)
  })
})

describe('the questions on phones', () => {
  it('ask for each field once, then lead to the answers', () => {
    expect([...QUESTIONS].sort()).toEqual([...OWN].sort())
    expect(STEPS.map(next).at(-1)).toBe(CHECK)
    expect(next('mobile')).toBe('email')
  })
  it('begin with the first, or with what the school gave the record back for', () => {
    expect(place(undefined, [])).toBe('mobile')
    expect(place('qq', ['homeAddress'])).toBe('qq')
    expect(place('nonsense', ['homePostcode', 'email'])).toBe('email')
    expect(place(undefined, ['major'])).toBe(LOCKED_STEP)
    expect(place(CHECK, [])).toBe(CHECK)
  })
})

describe('a correction', () => {
  it('carries evidence where there is some', () => {
    expect(correctedFields(['name', 'major'], { name: '王威 ', evidence_name: 'file', major: '软件工程' })).toEqual([
      { field: 'name', value: '王威', evidenceFileIds: ['file'] },
      { field: 'major', value: '软件工程', evidenceFileIds: [] },
    ])
  })
  it('finds the field that a complaint is about', () => {
    expect(fieldOfCorrection('fields[1].value', ['name', 'major'])).toBe('major')
    expect(fieldOfCorrection('fields[0].evidenceFileIds', ['name'])).toBe('evidence_name')
    expect(fieldOfCorrection('reason', ['name'])).toBeUndefined()
  })
})

describe('a window', () => {
  const of = (openDay: string, closeDay: string) => ({ never: false, effective: { openDay, closeDay } }) as never
  it('is open on its first and last day', () => {
    expect(windowState(of('2026-11-01', '2026-11-30'), '2026-11-01')).toBe('open')
    expect(windowState(of('2026-11-01', '2026-11-30'), '2026-11-30')).toBe('open')
    expect(windowState(of('2026-11-01', '2026-11-30'), '2026-12-01')).toBe('after')
    expect(windowState(of('2026-12-01', '2026-12-30'), '2026-11-30')).toBe('before')
  })
  it('is always open without days, and never where the days do not meet', () => {
    expect(windowState({ never: false } as never, '2026-11-27')).toBe('always')
    expect(windowState({ never: true } as never, '2026-11-27')).toBe('never')
  })
})

describe('a portrait', () => {
  const good = { type: 'image/jpeg', size: 1000, width: 295, height: 413 }
  it('never leaves a part of its frame empty', () => {
    const [picture, frame] = [{ width: 1180, height: 1180 }, { width: 236, height: 330.4 }]
    expect(held({ zoom: 1, x: 50, y: 50 }, picture, frame)).toEqual({ zoom: 1, x: 0, y: 0 })
    expect(held({ zoom: 1, x: -9999, y: 0 }, picture, frame).x).toBeCloseTo(236 - 330.4)
    const close = zoomed({ zoom: 1, x: -47.2, y: 0 }, 9, picture, frame)
    expect(close.zoom).toBe(mostZoom(picture, frame))
    expect(part(close, picture, frame).width).toBeCloseTo(295)
  })
  it('is refused for its kind, its bytes, its pixels', () => {
    expect(pictureFault(good)).toBeUndefined()
    expect(pictureFault({ ...good, type: 'image/webp' })).toBe('kind')
    expect(pictureFault({ ...good, size: 30 * 1024 * 1024 })).toBe('large')
    expect(pictureFault({ ...good, height: 412 })).toBe('small')
  })
})
