/*
 * JSON by jansson for programs, made so that a person may print it to a terminal all the same: texts of
 * others are made UTF-8 on the way in, and what would steer a terminal is escaped on the way out, by the
 * rules of tasks/text.h.
 */
#ifndef SCHEDULER_JSON_H
#define SCHEDULER_JSON_H

#include <jansson.h>

#include "tasks/text.h"

/* A string; null of NULL. What is no UTF-8, which jansson would refuse, becomes question marks. */
json_t *json_of(const char *text);

/* Adds the value and a newline, and takes the reference to it. flags: those of json_dumps(). */
void json_print(json_t *json, size_t flags, struct text *text);

#endif
