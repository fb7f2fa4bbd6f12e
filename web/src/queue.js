/** The worker as the page sees it: one thing at a time, the most urgent first. */

/**
 * @typedef {object} Job
 * @property {string} call
 * @property {unknown[]} args
 * @property {() => number} urgency asked when the worker is free
 * @property {(answer: any) => void} resolve
 * @property {(error: Error) => void} reject
 */

export class Queue {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    /** @type {Job[]} */
    this.waiting = [];
    /** @type {Job | undefined} */
    this.running = undefined;
    worker.addEventListener("message", ({ data }) => this.finish(data));
    worker.addEventListener("error", ({ message }) => this.finish({ reason: message || "the worker stopped" }));
  }

  /**
   * @param {string} call one of the worker's
   * @param {unknown[]} args
   * @param {() => number} urgency
   * @returns {Promise<any>}
   */
  ask(call, args, urgency = () => 0) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ call, args, urgency, resolve, reject });
      this.next();
    });
  }

  /**
   * Forget what waits, and is asked for, no longer.
   * @param {string} call
   * @param {unknown} id its first argument
   */
  drop(call, id) {
    this.waiting = this.waiting.filter((job) => job.call !== call || job.args[0] !== id);
  }

  next() {
    if (this.running || !this.waiting.length) return;
    const urgencies = this.waiting.map((job) => job.urgency());
    const [job] = this.waiting.splice(urgencies.indexOf(Math.max(...urgencies)), 1);
    this.running = job;
    this.worker.postMessage({ call: job.call, args: job.args });
  }

  /** @param {{answer?: unknown, reason?: string}} data */
  finish({ answer, reason }) {
    const job = this.running;
    this.running = undefined;
    if (reason === undefined) job?.resolve(answer);
    else job?.reject(new Error(reason));
    this.next();
  }
}
