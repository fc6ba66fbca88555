// An announcement as the flat values of a form, and back.
import type { Schema } from '@qihang/api'

export type Content = Schema<'push.v1.AnnouncementContent'>
export const AUDIENCES = ['STUDENT', 'EMPLOYER', 'DEPARTMENT', 'SCHOOL', 'PROVINCE'] as const

export interface AnnouncementValues {
  title: string
  body: string
  /** `all`, or `some` that the lists below narrow. */
  audience: string
  roles: string[]
  schoolCodes: string[]
  /** Years with anything between them. */
  cohorts: string
  /** One a line. */
  departments: string
  public: boolean
  pinned: boolean
  /** yyyy-MM-ddTHH:mm in Beijing; empty for never. */
  expireTime: string
}

/** A moment in Beijing as its box wants it. */
export function toLocal(time: string | undefined): string {
  if (time === undefined || time === '') return ''
  return new Date(Date.parse(time) + 8 * 3_600_000).toISOString().slice(0, 16)
}

export function fromLocal(local: string): string {
  return new Date(`${local}:00+08:00`).toISOString()
}

export function yearsOf(text: string): number[] {
  return [...new Set(text.match(/\d{4}/g) ?? [])].map(Number)
}

export function linesOf(text: string): string[] {
  return [...new Set(text.split('\n').map((line) => line.trim()).filter((line) => line !== ''))]
}

export function valuesOf(content: Content | undefined): AnnouncementValues {
  const targets = content?.targets
  const { roles = [], schoolCodes = [], cohorts = [], departments = [] } = targets ?? {}
  const some = roles.length + schoolCodes.length + cohorts.length + departments.length > 0
  return {
    title: content?.title ?? '',
    body: content?.body ?? '',
    audience: some ? 'some' : 'all',
    roles: roles.map((role) => String(role).replace('ROLE_', '')),
    schoolCodes: [...schoolCodes],
    cohorts: cohorts.join(' '),
    departments: departments.join('\n'),
    public: content?.public ?? false,
    pinned: content?.pinned ?? false,
    expireTime: toLocal(content?.expireTime),
  }
}

export function contentOf(values: AnnouncementValues): Content {
  const targets = {
    roles: values.roles.map((role) => `ROLE_${role}`),
    schoolCodes: values.schoolCodes,
    cohorts: yearsOf(values.cohorts),
    departments: linesOf(values.departments),
  } as Content['targets']
  return {
    title: values.title.trim(),
    body: values.body.trim(),
    public: values.public,
    pinned: values.pinned,
    ...(values.audience === 'some' ? { targets } : {}),
    ...(values.expireTime === '' ? {} : { expireTime: fromLocal(values.expireTime) }),
  } as Content
}
