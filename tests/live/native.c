// An addon that loses memory, and keeps some that is not lost.
#include <malloc.h>
#include <node_api.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pair { void (*who)(void); char *text; char filler[32]; };

// Visible from outside: the compiler must not leave them out.
void *kept[4096];
size_t kept_count;
void *last;

static void nobody(void) {}

// What a C++ compiler makes of a class with one virtual function, under the name that it gives the table.
struct widget { void **table; char filler[88]; };
void *_ZTV6Widget[] = {NULL, NULL, (void *)nobody};

static void *block(size_t size) {
  char *bytes = malloc(size);
  memset(bytes, 0x11, size);
  return bytes;
}

// Reads the arguments of a call, which are numbers; those that are not given are 0.
static void numbers(napi_env env, napi_callback_info info, size_t count, uint32_t *found) {
  napi_value args[2];
  size_t given = 2;
  napi_get_cb_info(env, info, &given, args, NULL, NULL);
  for (size_t nth = 0; nth < count; nth++) napi_get_value_uint32(env, args[nth], &found[nth]);
}

// lose(count, size): blocks that are forgotten.
static napi_value lose(napi_env env, napi_callback_info info) {
  uint32_t of[2] = {0};
  numbers(env, info, 2, of);
  for (uint32_t nth = of[0]; nth > 0; nth--) last = block(of[1]);
  last = NULL;
  return NULL;
}

// losePairs(count): structures of 48 bytes that hold a text of 150 each.
static napi_value lose_pairs(napi_env env, napi_callback_info info) {
  uint32_t count = 0;
  numbers(env, info, 1, &count);
  for (uint32_t nth = count; nth > 0; nth--) {
    struct pair *pair = block(sizeof *pair);
    pair->who = nobody;
    pair->text = block(150);
    last = pair;
  }
  last = NULL;
  return NULL;
}

static void *widget(void) {
  struct widget *widget = block(sizeof *widget);
  widget->table = &_ZTV6Widget[2];
  return widget;
}

// loseWidgets(count): objects of a class of C++.
static napi_value lose_widgets(napi_env env, napi_callback_info info) {
  uint32_t count = 0;
  numbers(env, info, 1, &count);
  for (uint32_t nth = count; nth > 0; nth--) last = widget();
  last = NULL;
  return NULL;
}

// loseBeside(count, size): blocks that say nothing, each beside a structure of the addon that is kept.
static napi_value lose_beside(napi_env env, napi_callback_info info) {
  uint32_t of[2] = {0};
  numbers(env, info, 2, of);
  for (uint32_t nth = of[0]; nth > 0 && kept_count < 4096; nth--) {
    struct pair *pair = block(sizeof *pair);
    pair->who = nobody;
    kept[kept_count++] = pair;
    last = block(of[1]);
  }
  last = NULL;
  return NULL;
}

// keepWidgets(count): objects of a class of C++ in a table of the addon.
static napi_value keep_widgets(napi_env env, napi_callback_info info) {
  uint32_t count = 0;
  numbers(env, info, 1, &count);
  for (uint32_t nth = count; nth > 0 && kept_count < 4096; nth--) kept[kept_count++] = widget();
  return NULL;
}

// keep(count, size): blocks in a table of the addon.
static napi_value keep(napi_env env, napi_callback_info info) {
  uint32_t of[2] = {0};
  numbers(env, info, 2, of);
  for (uint32_t nth = of[0]; nth > 0 && kept_count < 4096; nth--) kept[kept_count++] = block(of[1]);
  return NULL;
}

// hold(object): it stays alive by a reference that nobody deletes.
static napi_value hold(napi_env env, napi_callback_info info) {
  size_t given = 1;
  napi_value object;
  napi_ref held;
  napi_get_cb_info(env, info, &given, &object, NULL, NULL);
  napi_create_reference(env, object, 1, &held);
  return NULL;
}

// fragment(count, size): blocks in a table of the addon, of which every other one is given back.
static napi_value fragment(napi_env env, napi_callback_info info) {
  uint32_t of[2] = {0};
  numbers(env, info, 2, of);
  size_t first = kept_count;
  for (uint32_t nth = of[0]; nth > 0 && kept_count < 4096; nth--) kept[kept_count++] = block(of[1]);
  for (size_t nth = first; nth < kept_count; nth += 2) {
    free(kept[nth]);
    kept[nth] = NULL;
  }
  return NULL;
}

// trim(): what malloc keeps goes back to the kernel.
static napi_value trim(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  malloc_trim(0);
  return NULL;
}

// become(): another program, which sleeps. Returns only where that fails.
static napi_value become(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  execl("/bin/sleep", "sleep", "600", (char *)NULL);
  return NULL;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

// own(size): an object of JavaScript that owns a block.
static napi_value own(napi_env env, napi_callback_info info) {
  uint32_t size = 0;
  napi_value result;
  numbers(env, info, 1, &size);
  napi_create_external(env, block(size), finalize, NULL, &result);
  return result;
}

NAPI_MODULE_INIT() {
  const struct { const char *name; napi_callback call; } all[] = {
      {"lose", lose}, {"losePairs", lose_pairs}, {"loseWidgets", lose_widgets}, {"loseBeside", lose_beside},
      {"keepWidgets", keep_widgets}, {"keep", keep}, {"own", own}, {"become", become},
      {"fragment", fragment}, {"trim", trim}, {"hold", hold},
  };
  for (size_t nth = 0; nth < sizeof all / sizeof *all; nth++) {
    napi_value function;
    napi_create_function(env, all[nth].name, NAPI_AUTO_LENGTH, all[nth].call, NULL, &function);
    napi_set_named_property(env, exports, all[nth].name, function);
  }
  return exports;
}
