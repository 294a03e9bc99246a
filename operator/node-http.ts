/**
 * The functions of node:http that are used here. An `import` of node:http reads all that it exports, which loads the whole of
 * undici for its WebSocket: 35 ms of every start. Types may be imported from node:http as usual.
 */
export const { Agent, createServer, request, STATUS_CODES } = process.getBuiltinModule('node:http');
