/** What a parent sends over IPC to end a process in order where there are no signals: Windows ends one that is sent SIGTERM at once. */
export const stopMessage = "stop";
