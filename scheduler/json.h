/*
 * JSON for programs, that a person may print to a terminal all the same: what of it came from outside is
 * UTF-8 and steers nothing. The edge for what jansson makes, as text.h is for the rest.
 */
#ifndef SCHEDULER_JSON_H
#define SCHEDULER_JSON_H

#include <jansson.h>

#include "tasks/text.h"

/* null of NULL; question marks for what is no UTF-8, which jansson would refuse. */
json_t *json_of(const char *text);

/* Adds all of it and a newline, and takes the reference. flags: of json_dumps(). */
void json_print(json_t *json, size_t flags, struct text *text);

#endif
