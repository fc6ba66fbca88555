export * from './routes'
export * from './entry/routes'
