// Times as people here read them: Beijing time, whatever the device says.

const ZONE = 'Asia/Shanghai'

export type Language = 'zh-CN' | 'en'

const cache = new Map<string, Intl.DateTimeFormat>()

function formatter(language: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options)
  let found = cache.get(key)
  if (found === undefined) {
    found = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : 'zh-CN', { timeZone: ZONE, ...options })
    cache.set(key, found)
  }
  return found
}

function parse(time: string | undefined): Date | undefined {
  if (time === undefined || time === '') return undefined
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/** A moment, e.g. 2026年11月23日 14:00; empty for none. */
export function dateTime(time: string | undefined, language: Language): string {
  const date = parse(time)
  if (date === undefined) return ''
  return formatter(language, { year: 'numeric', month: 'long', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(date)
}

/** A day, e.g. 2026年11月23日; takes moments and yyyy-MM-dd; empty for none. */
export function day(time: string | undefined, language: Language): string {
  const date = parse(time?.length === 10 ? `${time}T00:00:00+08:00` : time)
  if (date === undefined) return ''
  return formatter(language, { year: 'numeric', month: 'long', day: 'numeric' }).format(date)
}

/** What is left until a moment, in whole days, hours and minutes; zeros once it has passed. */
export function left(until: string | undefined, now: Date): { days: number; hours: number; minutes: number; over: boolean } {
  const date = parse(until)
  const minutes = date === undefined ? 0 : Math.max(0, Math.floor((date.getTime() - now.getTime()) / 60_000))
  return {
    days: Math.floor(minutes / 1440),
    hours: Math.floor((minutes % 1440) / 60),
    minutes: minutes % 60,
    over: date === undefined || date.getTime() <= now.getTime(),
  }
}

/** Today in Beijing, yyyy-MM-dd. */
export function today(now: Date): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE, year: 'numeric', month: '2-digit', day: '2-digit' }).format(now)
}
