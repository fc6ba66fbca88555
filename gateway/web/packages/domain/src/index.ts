export * from './states'
export * from './time'
export * as rules from './validate'
export type { Complaint, Rule } from './validate'
