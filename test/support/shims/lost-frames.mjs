/**
 * Loaded into every process of a farm with NODE_OPTIONS=--import: swallows what a process writes to another one that speaks of
 * lost@test.example, as if it had got lost on the way, and neither end knows.
 */
import net from 'node:net';

const { write } = net.Socket.prototype;
net.Socket.prototype.write = function lossy(chunk, ...rest) {
  const between = this.remoteAddress === undefined && process.title.startsWith('mailfarm: acceptor');
  const text = between && typeof chunk === 'string' ? chunk : '';
  if (!text.includes('"accepted"') || !text.includes('lost@test.example')) return write.call(this, chunk, ...rest);
  // A line is an array of frames: those of others in it are not lost.
  const others = JSON.parse(text).filter((frame) => frame.envelope?.sender !== 'lost@test.example');
  return others.length === 0 || write.call(this, `${JSON.stringify(others)}\n`, ...rest);
};
