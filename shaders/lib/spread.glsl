// A flat range of units spread over workgroups: each takes `chunk` of them, its invocations side by
// side, so that a loop of chunk / local_x steps does the work of one workgroup. Groups fold into
// x and y.
#ifndef KILN_SPREAD_GLSL
#define KILN_SPREAD_GLSL

uint workgroup() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }
uint first_unit(uint chunk) { return workgroup() * chunk + gl_LocalInvocationID.x; }
uint end_unit(uint chunk, uint count) { return min(workgroup() * chunk + chunk, count); }

#endif
