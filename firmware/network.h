/* The network: master weights, their int8 copies, the forward pass and its cost. */
#ifndef NETWORK_H
#define NETWORK_H

#include "codes.h"

extern u32 parameters, inputs, outputs;
extern i32 master[PARAMETERS_MAX];

/* Lays the network out as the configuration says; all parameters are 0. */
void network_open(void);
u32 network_layers(void);
void network_shape(u32 layer, u32 *rows, u32 *columns);

/* Int8 copies of the parameters from `first` to before `stop`, after a change. */
void network_changed(u32 first, u32 stop);

/* The weights of a row of a measurement: with signs times `steps`, or with offsets of
   float32 (NULL: none) at 4-byte distance. What leaves the range is marked. */
void network_signs(const u32 *key, u32 pattern, i32 steps);
void network_offsets(const u8 *offsets);

/* The outputs of a sample, in units of 1/4096. */
const i32 *network_forward(const i8 *x);

/* Marks of parameters that were driven out of their range since `marks_clear`. */
void marks_clear(void);
u32 marks_count(void);
int marked(u32 parameter);

#endif
