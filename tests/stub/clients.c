#include "tests/stub/clients.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

struct client *clients_find(struct clients *clients, struct text user_agent)
{
    char name[sizeof clients->client[0].name] = "-";
    size_t length = 0;
    while (length < user_agent.length && user_agent.at[length] > ' ')
        length++;
    if (length > 0)
        (void)snprintf(name, sizeof name, "%.*s", (int)length, user_agent.at);
    for (size_t i = 0; i < clients->count; i++)
        if (strcmp(clients->client[i].name, name) == 0)
            return &clients->client[i];
    if (clients->count == CLIENTS_LIMIT)
        return &clients->client[CLIENTS_LIMIT - 1];
    struct client *fresh = &clients->client[clients->count++];
    memcpy(fresh->name, name, sizeof name);
    return fresh;
}

unsigned clients_delay(const struct clients *clients, struct client *client, size_t points)
{
    if (clients->rate == 0)
        return 0;
    double now = clock_monotonic();
    double begin = client->free_at > now ? client->free_at : now;
    client->free_at = begin + (double)points / clients->rate;
    return (unsigned)((begin - now) * 1e3);
}
