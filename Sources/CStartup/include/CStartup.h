/* Nothing to call: see Startup.c. */
